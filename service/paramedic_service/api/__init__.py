"""gRPC servicers: they translate messages and leave the thinking to the packages below."""
