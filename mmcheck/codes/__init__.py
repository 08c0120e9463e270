"""What every rule and finding code means: the one source of `mmcheck explain`, of the report and of docs/codes.md."""
