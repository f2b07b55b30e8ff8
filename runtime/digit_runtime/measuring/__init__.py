"""Files on engines, timed in processes of their own."""
