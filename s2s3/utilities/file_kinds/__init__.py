"""What each kind of JSON file has to contain (s1/json_schema.py is the language)."""
