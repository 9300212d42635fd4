"""How the admin writes dates: one folder a language, as Django looks for them."""
