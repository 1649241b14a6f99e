"""What each kind of file has to contain; for JSON files in the language of s1/json_schema.py."""
