"""Files that passed, with what describes them, into a model's folder."""
