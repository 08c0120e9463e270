"""The bundled tiny CTC recogniser: a wav2vec2 over the synthetic speech world."""
