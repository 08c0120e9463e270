"""Rules and the policy that turns findings into verdicts."""
