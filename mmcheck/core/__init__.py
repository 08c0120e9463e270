"""The words every other layer speaks: types, errors, registries, atomic files, digests."""
