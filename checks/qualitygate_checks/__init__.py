"""The checks that come with qgate, by domain. They enter through the same entry points as any other pack."""
