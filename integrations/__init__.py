"""One file per vendor: raw answers become observations, raw webhooks become events."""
