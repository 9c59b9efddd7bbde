"""Work that outlives the page, in rows: submit, claim, run, cancel, resume; and periodic work."""
