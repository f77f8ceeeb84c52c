"""The picture of a search: how many events when, and which values they have; counted step by step until exact."""
