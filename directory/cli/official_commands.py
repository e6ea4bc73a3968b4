"""``citymail official``: people, their posts, and files of many; the commands stand in a module for each topic."""

from __future__ import annotations

import click

from directory.cli import file_commands, leaving_commands, official_people, official_posts

group = click.Group(
    commands=[
        *official_people.commands,
        *official_posts.commands,
        *leaving_commands.of_officials,
        *file_commands.officials,
    ]
)
