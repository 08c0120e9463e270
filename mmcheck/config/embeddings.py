"""The section of vectors and scores that people already have: read in place of a model."""

from __future__ import annotations

from pydantic import Field, field_validator

from mmcheck.config.section import Section

BY_ORDER = "none"
"""What ``input.embeddings.key`` says where rows and vectors are matched by their order."""


class EmbeddingsConfig(Section):
    """Vectors of images and captions, or their scores, that were made earlier. No model is loaded for them."""

    paths: tuple[str, ...] = Field(
        (), description="files or folders with the vectors; empty: columns of the manifest, if any is named"
    )
    image: str | None = Field(None, description="array or column with the images' vectors; null: by its name")
    text: str | None = Field(None, description="array or column with the captions' vectors; null: by its name")
    score: str | None = Field(None, description="array or column with a cosine, used where vectors are missing")
    key: str | None = Field(
        None,
        description="array or column by which rows and vectors are matched; null: by its name, else by order; none: by "
        "order",
    )
    check_captions: bool = Field(
        True, description="whether captions that lie beside the vectors must be those of the manifest"
    )
    model: str | None = Field(None, description="name of the model that made the vectors, for reports and comparisons")

    @field_validator("paths", mode="before")
    @classmethod
    def _one_path(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @property
    def is_given(self) -> bool:
        """Return whether there are any vectors or scores to read."""
        return bool(self.paths or self.image or self.text or self.score)

    @property
    def in_manifest(self) -> bool:
        """Return whether they are columns of the manifest itself."""
        return self.is_given and not self.paths

    @property
    def vector_columns(self) -> frozenset[str]:
        """Return the columns of the manifest that hold vectors, which its rows need not carry along."""
        return frozenset(name for name in (self.image, self.text) if name and self.in_manifest)
