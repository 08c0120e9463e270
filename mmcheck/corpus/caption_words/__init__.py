"""Which word of a caption is wrong, by the embeddings that are stored anyway."""
