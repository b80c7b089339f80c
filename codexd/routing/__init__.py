"""Model routing: back ends by model name, fallbacks, and conversion of tool calls."""
