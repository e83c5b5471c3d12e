"""What depends on the framework that Keras runs on; each package in here knows one of them."""
