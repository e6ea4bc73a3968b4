"""Who may change what: roles, delegations, the approval of a second administrator, and what was opened by whom."""
