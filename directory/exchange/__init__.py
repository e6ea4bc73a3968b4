"""The directory's ways in and out: CSV, LDIF, vCard and JSON, for officials, units, mailboxes and groups.

``kinds`` says which columns a kind of record has; a format turns octets into records and back; ``importing`` takes
records of any format in, ``exporting`` reads them out of the directory.  A record is a row of text by column, or, of
an official with several posts, one row for each: what a line of a table can hold, every format can.
"""
