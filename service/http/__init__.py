"""The HTTP adapter: requests and answers of the three endpoints, whichever server carries them."""
