"""The file formats that digit-batch cuts into parts."""
