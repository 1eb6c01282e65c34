"""REST of the media room. [door]"""
