"""The speed suite: `make bench`. Read in this order: scene (the data), operations (what is asked of the service),
load (who asks), server (who answers), floors (how fast it could be), measure (rounds and medians), report (tables)."""
