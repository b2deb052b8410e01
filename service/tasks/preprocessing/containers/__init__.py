"""The files that images come in: what of them the pixels need, and which way up they are.

Image files carry much that a model has no use for: EXIF, XMP, colour profiles, comments, later
frames. Pillow reads it all, and refuses a good picture for a fault in it. So each module here takes
one kind of file apart as far as needed, and gives Pillow the part that makes the pixels.
"""
