"""Image file formats: which parts of a file the pixels need, and the image's orientation.

Image files contain much that a model doesn't need: EXIF, XMP, colour profiles, comments, later
frames. Pillow reads all of it, and refuses a good picture if there is a fault in it. So each module
here parses one format as far as needed, and gives Pillow only the parts that make the pixels.
"""
