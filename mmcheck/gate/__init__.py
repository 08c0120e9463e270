"""Release limits: whether the data of a finished run may be used."""
