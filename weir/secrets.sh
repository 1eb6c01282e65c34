#!/bin/sh
# Makes the secrets of docker-compose.yml, each once: weir/secrets.sh [FOLDER], by default ./secrets. A second call changes nothing.
# The folder is its owner's alone; the files in it must be readable for the containers' users, who are others.
set -eu
folder=${1:-secrets}
mkdir -p "$folder"
chmod 700 "$folder"
umask 022
random() { od -An -v -N "$1" -tx1 /dev/urandom | tr -d ' \n'; }
make() { # make NAME TEXT
  if [ ! -s "$folder/$1" ]; then
    printf '%s\n' "$2" >"$folder/$1.new"
    mv "$folder/$1.new" "$folder/$1"
  fi
}
make secret_key "$(random 32)"
make hook_secret "$(random 32)"
make redis_password "$(random 24)"
make mongo_password "$(random 24)"
make mongo_keyfile "$(random 256)"
# The same passwords in the form in which they are read.
make redis_conf "requirepass $(cat "$folder/redis_password")"
make redis_url "redis://:$(cat "$folder/redis_password")@redis:6379/0"
make mongodb_url "mongodb://weir:$(cat "$folder/mongo_password")@mongo:27017/?replicaSet=weir&authSource=admin"
