"""What the acceptance suite knows about Spark, its chart and its image."""
