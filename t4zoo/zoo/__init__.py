"""The zoo: released versions as plain, immutable objects in S3. It knows git, DVC's files and S3, and never torch."""
