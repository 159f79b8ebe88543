"""What the declarations tell without a table: costs, policies, explanations."""
