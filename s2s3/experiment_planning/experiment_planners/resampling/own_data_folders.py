"""Planners whose preprocessed data nobody shares."""


class OwnDataFolders:
    """Mixed in before a planner whose data are not those of the default plans: they lie in folders of their own."""

    plans_identifier: str

    def generate_data_identifier(self, configuration_name: str) -> str:
        """Return a folder of its own for each configuration."""
        return f"{self.plans_identifier}_{configuration_name}"
