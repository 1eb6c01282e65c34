"""Where finished recordings lie when it is not the data folder. [hands]"""
