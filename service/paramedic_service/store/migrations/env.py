"""Run by Alembic: takes the steps on the connection that `paramedic_service.store.schema` hands over."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
