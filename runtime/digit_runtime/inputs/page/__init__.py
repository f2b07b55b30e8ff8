"""Find and read all digits of a picture: a photo, a scan, a form, a whole page."""
