"""What a reader opens: tables, pictures and pages."""
