"""What is in a CSV of digits: numbers, pictures, a page."""
