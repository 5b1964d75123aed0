"""The contenders: one module each, all with the same face (`values.Contender`)."""
