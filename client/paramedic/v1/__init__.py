"""Generated stubs of the wire contract; see proto/paramedic/v1."""
