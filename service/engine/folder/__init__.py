"""The folder of models on disk: its versions, their files, and which of them are wanted."""
