"""One file per word that the user types: parse, call one thing below, hand over what came back."""
