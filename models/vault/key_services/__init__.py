"""Key services: where root keys are made and used. A file by default; AWS KMS, GCP KMS and HashiCorp Vault as extras.
Nothing here is imported before its service is used."""
