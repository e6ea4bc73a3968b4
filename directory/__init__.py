"""Who works for the city, in which unit and at which post, and which addresses they own."""
