"""A full-text index for each account: what SEARCH and the webmail would find by reading every message, without reading
any.

``Fulltext`` is what others use.  Below it: ``lexicon`` (words, as ``message.terms`` has them, → messages, for some
thousand messages), ``index_file`` (an account's file), ``filling`` (messages → index), ``attachments`` (files sent
along → text, in a child process).

The index is not the truth but an image of it: it may be deleted at any time and comes back, and what it lacks is
looked for in the messages themselves.  See docs/decisions/0008.
"""

from mailserver.store.fulltext.fulltext import Fulltext, Lookup, Wanted

__all__ = ["Fulltext", "Lookup", "Wanted"]
