"""Who works where and since when: units, people, posts, and how they come, move and leave."""
