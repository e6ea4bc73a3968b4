"""What the city publishes for other servers and for anybody who asks."""
