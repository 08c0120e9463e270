"""What two independent verifiers of transcripts say together."""
