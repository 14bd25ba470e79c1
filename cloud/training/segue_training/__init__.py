"""Training of Segue's models: two towers for retrieval, one ranker for the session."""
