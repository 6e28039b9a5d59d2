"""Count the sessions of each station in each hour."""
