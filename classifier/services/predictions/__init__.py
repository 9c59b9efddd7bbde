"""From an uploaded file to a stored prediction: intake, decoding, classification, explanation."""
