"""The keys that mail of the city is signed with."""
